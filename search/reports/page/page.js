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
    const unnamed = figure.data.every((trace) => trace.showlegend === false);
    if (unnamed && !figure.layout.margin) layout.margin = { ...layout.margin, t: 14 };
    if (narrow.matches && !figure.layout.margin) layout.margin = { ...layout.margin, l: 44, r: 6 };
    return { ...layout, height: figure.height, autosize: true };
  };

  const draw = (id, figure) => {
    const paint = palette();
    const config = { responsive: true, displayModeBar: false, showTips: false, showSendToCloud: false };
    return Plotly.react(id, paint(figure.data), paint(layoutOf(figure)), config);
  };

  // The trials that lie in what a reader has marked on axes of parallel coordinates, in words.
  const selected = (trace) => {
    const marked = trace.dimensions.filter((axis) => axis.constraintrange);
    const within = (value, [low, high]) => value >= low && value <= high;
    const kept = trace.customdata.filter((_, i) =>
      marked.every(({ constraintrange: range, values }) =>
        (Array.isArray(range[0]) ? range : [range]).some((each) => within(values[i], each))));
    const more = kept.length > 20 ? ", …" : "";
    const named = kept.length ? `: ${kept.slice(0, 20).join(", ")}${more}` : "";
    return marked.length ? `${kept.length} of ${trace.customdata.length} trials${named}` : "";
  };

  const listen = (id) => {
    const element = document.getElementById(id);
    if (element.data[0].type !== "parcoords") return;
    const told = document.getElementById(id.replace(/\d+$/, "selected"));
    element.removeAllListeners("plotly_restyle");
    element.on("plotly_restyle", () => { told.textContent = selected(element.data[0]); });
  };

  // What is in sight first; between two figures the reader has the page.
  const drawAll = async () => {
    const top = (id) => document.getElementById(id).getBoundingClientRect().top;
    const away = (id) => (top(id) < 0 ? -top(id) : Math.max(top(id) - innerHeight, 0));
    for (const id of Object.keys(plots).sort((a, b) => away(a) - away(b))) {
      await draw(id, plots[id]);
      listen(id);
      await new Promise((done) => setTimeout(done));
    }
    document.documentElement.dataset.drawn = String(Object.keys(plots).length);
  };

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  matchMedia("print").addEventListener("change", drawAll);
})();
