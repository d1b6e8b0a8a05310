"""Formulas in LaTeX as MathML, which browsers draw by themselves."""

from __future__ import annotations

from markupsafe import Markup, escape

_NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'  # HTML knows it without


def mathml(latex: str) -> Markup:
    """The formula as a block of MathML; what is no LaTeX stays as it was typed."""
    from latex2mathml.converter import convert

    try:
        found: str = convert(latex, display="block")
    except Exception:
        # The library has no one error of its own: it lets out whatever stopped it.
        return Markup("<code>{}</code>").format(latex)
    return Markup(found.replace(_NAMESPACE, f' alttext="{escape(latex)}"', 1))
