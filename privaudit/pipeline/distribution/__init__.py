"""The distribution audit: which law was a model trained on?"""
