"""Check what is promised of models made of models, on fakes that fail by a seeded schedule."""
