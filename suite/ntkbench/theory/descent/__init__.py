"""How training moves: closed forms of its dynamics, rules of descent, noise, and where each of them ends."""
