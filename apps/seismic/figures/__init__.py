"""Pictures that a geophysicist judges an inversion by.

matplotlib is imported only when something is drawn, and by its object interface: no display is needed, and threads do
not disturb each other.
"""
