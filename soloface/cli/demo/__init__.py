"""`soloface demo`: the whole worker on real servers, from nothing, in one command."""
