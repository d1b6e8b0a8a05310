// Each figure comes as a static picture; where scripts run, Vega-Lite draws it anew, with tooltips, once it is nearly in
// sight: what is folded away has no width to be drawn in.
(() => {
  const options = { renderer: "svg", actions: false, tooltip: { theme: "custom" } };

  function draw(figure) {
    const specification = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const target = figure.querySelector(".drawn");
    window.drawFigure(target, specification, options).then(() => {
      figure.querySelector(".static").hidden = true;
    }, () => {
      target.hidden = true;
    });
  }

  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "600px" });
  for (const figure of document.querySelectorAll("figure.chart")) seen.observe(figure);
})();
