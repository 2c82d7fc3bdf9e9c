"""The one catalogue of texts, zh-CN and en."""
