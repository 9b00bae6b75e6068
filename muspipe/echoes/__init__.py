"""Echoes of a scanner (IQ or RF), and the tissue velocity that their phase tells."""
