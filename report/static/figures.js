// Each figure comes as a static picture; where scripts run, Vega-Lite draws it anew, with tooltips.
for (const figure of document.querySelectorAll("figure.chart")) {
  const specification = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const target = figure.querySelector(".drawn");
  const options = { renderer: "svg", actions: false, tooltip: { theme: "custom" } };
  window.drawFigure(target, specification, options).then(() => {
    figure.querySelector(".static").hidden = true;
  }, () => {
    target.hidden = true;
  });
}
