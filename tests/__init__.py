"""Tests of soloface: unit, integration with real servers, and faults."""
