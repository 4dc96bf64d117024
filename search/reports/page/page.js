"use strict";
// Draws the figures of #plots by plotly, in the colours of the reader's mode.
(() => {
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const narrow = matchMedia("(max-width: 560px)");

  // "@accent" is the value of --accent (page.css), wherever it stands alone as a text.
  const palette = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (text) => style.getPropertyValue("--" + text.slice(1)).trim();
    const painted = (value) => {
      if (typeof value === "string") return /^@[a-z]+\d?$/.test(value) ? colour(value) || value : value;
      if (Array.isArray(value)) return value.map(painted);
      if (value === null || typeof value !== "object") return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, painted(inner)]));
    };
    return painted;
  };

  const usual = {
    font: { family: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif", size: 12.5, color: "@ink" },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: "closest",
    dragmode: false,
    hoverlabel: { bgcolor: "@paper", bordercolor: "@line", font: { color: "@ink" } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12, color: "@soft" }, traceorder: "normal" },
    margin: { l: 56, r: 12, t: 44, b: 44 },
  };
  const axis = { gridcolor: "@line", linecolor: "@line", tickcolor: "@line", tickfont: { color: "@soft" }, title: { font: { color: "@soft" } } };

  const merged = (under, over) => {
    const both = { ...under };
    for (const [key, value] of Object.entries(over)) {
      const deep = value && typeof value === "object" && !Array.isArray(value) && under[key];
      both[key] = deep ? merged(under[key], value) : value;
    }
    return both;
  };

  const layoutOf = (figure) => {
    const layout = merged(usual, figure.layout);
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) layout[key] = merged(axis, layout[key]);
    }
    if (narrow.matches) layout.margin = { ...layout.margin, l: 44, r: 6 };
    return { ...layout, height: figure.height, autosize: true };
  };

  const draw = (id, figure) => {
    const paint = palette();
    const config = { responsive: true, displayModeBar: false, showTips: false, showSendToCloud: false };
    return Plotly.react(id, paint(figure.data), paint(layoutOf(figure)), config);
  };

  // A script may not read another file's fonts or send anything: plotly has all it needs.
  const drawAll = async () => {
    for (const [id, figure] of Object.entries(plots)) await draw(id, figure);
    document.documentElement.dataset.drawn = String(Object.keys(plots).length);
  };

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  matchMedia("print").addEventListener("change", drawAll);
})();
