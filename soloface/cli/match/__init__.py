"""`soloface match`: what people say of photos."""
