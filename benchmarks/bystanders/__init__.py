"""How photos that show others beside their subject are judged, on labelled photos."""
