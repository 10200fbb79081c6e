"""Who speaks: pitch, speech or not, woman or man."""
