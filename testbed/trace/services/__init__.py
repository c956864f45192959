"""What is spoken on connections: one folder and one description (``service.py``) for each, listed in ``table.py``."""
