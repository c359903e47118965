"use strict";
// Turns coloured clouds on 2D canvases. Axes are those of gen3d: +X right, +Y up, +Z towards who looks at azimuth 0.
// Every point is drawn as a small ball into a depth buffer: no library, no WebGL, and it prints like any picture.
(function () {
  const START = { azimuth: 35, elevation: 20, zoom: 1 };
  const SPEED = 24; // degrees per second
  const STEP = 10; // degrees per key
  const SCALE = 0.46; // a radius of the shape as a share of the picture
  const BIGGER = 1.4; // of points that are wrong

  function decode(text, Type) {
    const bytes = Uint8Array.from(atob(text), function (c) { return c.charCodeAt(0); });
    if (Type === Int8Array) { return new Int8Array(bytes.buffer); }
    const view = new DataView(bytes.buffer);
    const out = new Int16Array(bytes.length / 2);
    for (let i = 0; i < out.length; i += 1) { out[i] = view.getInt16(2 * i, true); }
    return out;
  }

  // Right, up and backward (towards the eye) in the frame of the shape; degrees.
  function axes(azimuth, elevation) {
    const a = azimuth * Math.PI / 180, e = elevation * Math.PI / 180;
    const back = [Math.cos(e) * Math.sin(a), Math.sin(e), Math.cos(e) * Math.cos(a)];
    const right = [Math.cos(a), 0, -Math.sin(a)];
    const up = [
      back[1] * right[2] - back[2] * right[1],
      back[2] * right[0] - back[0] * right[2],
      back[0] * right[1] - back[1] * right[0]
    ];
    return [right, up, back];
  }

  // Pixel (x to the right, y down) and height above the picture's plane, in pixels; parallel projection.
  function project(x, y, z, frame, size, zoom) {
    const scale = SCALE * size * zoom;
    const right = frame[0], up = frame[1], back = frame[2];
    return [
      size / 2 + scale * (right[0] * x + right[1] * y + right[2] * z),
      size / 2 - scale * (up[0] * x + up[1] * y + up[2] * z),
      scale * (back[0] * x + back[1] * y + back[2] * z)
    ];
  }

  // Light from above the eye's left on both sides of the surface, 0.5 to 1.
  function shades(normals, frame) {
    const light = [0, 1, 2].map(function (i) { return -0.3 * frame[0][i] + 0.5 * frame[1][i] + 0.81 * frame[2][i]; });
    const out = new Float32Array(normals.length / 3);
    for (let i = 0; i < out.length; i += 1) {
      const lit = normals[3 * i] * light[0] + normals[3 * i + 1] * light[1] + normals[3 * i + 2] * light[2];
      out[i] = 0.5 + 0.5 * Math.min(1, Math.abs(lit) / 127);
    }
    return out;
  }

  // One point of a picture; `at` is its projection, `color` four bytes in one number.
  function ball(pixels, depth, size, at, radius, color) {
    const x = at[0], y = at[1], square = radius * radius;
    const bottom = Math.min(size - 1, Math.floor(y + radius));
    for (let row = Math.max(0, Math.ceil(y - radius)); row <= bottom; row += 1) {
      const rest = square - (row - y) * (row - y), half = Math.sqrt(Math.max(rest, 0));
      const right = Math.min(size - 1, Math.floor(x + half));
      for (let column = Math.max(0, Math.ceil(x - half)); column <= right; column += 1) {
        const place = row * size + column;
        const height = at[2] + Math.sqrt(Math.max(rest - (column - x) * (column - x), 0));
        if (height > depth[place]) {
          depth[place] = height;
          pixels[place] = color;
        }
      }
    }
  }

  // Draws one layer into the RGBA bytes of a square picture; what no point covers stays transparent.
  function draw(bytes, size, cloud, layer, colors, view) {
    const frame = axes(view.azimuth, view.elevation), shade = shades(cloud.normals, frame);
    const count = shade.length, p = cloud.points, palette = colors[layer.colors];
    const usual = cloud.radius * SCALE * size * view.zoom;
    const pixels = new Uint32Array(bytes.buffer), depth = new Float32Array(size * size).fill(-Infinity);
    const packed = new Uint8ClampedArray(4), color = new Uint32Array(packed.buffer);
    pixels.fill(0);
    for (let i = 0; i < count; i += 1) {
      const label = layer.labels[i], wrong = layer.colors === "errors" && label === 1;
      const base = label < 0 ? colors.none : palette[label % palette.length];
      packed.set([base[0] * shade[i], base[1] * shade[i], base[2] * shade[i], 255]);
      const at = project(p[3 * i] / 32767, p[3 * i + 1] / 32767, p[3 * i + 2] / 32767, frame, size, view.zoom);
      ball(pixels, depth, size, at, wrong ? BIGGER * usual : usual, color[0]);
    }
  }

  function decoded(cloud) {
    return {
      radius: cloud.radius,
      points: decode(cloud.points, Int16Array),
      normals: decode(cloud.normals, Int8Array),
      layers: cloud.layers.map(function (layer) {
        return { colors: layer.colors, labels: decode(layer.labels, Int8Array) };
      })
    };
  }

  // One figure: the layers of a shape, which turn together.
  function Viewer(element, cloud, colors) {
    this.element = element;
    this.cloud = decoded(cloud);
    this.colors = colors;
    this.view = Object.assign({}, START);
    this.turning = false;
    this.visible = true;
    this.contexts = Array.from(element.querySelectorAll("canvas"), function (canvas) { return canvas.getContext("2d"); });
    this.render();
  }
  Viewer.prototype.render = function () {
    const self = this;
    this.contexts.forEach(function (context, number) {
      const size = context.canvas.width;
      const image = context.createImageData(size, size);
      draw(image.data, size, self.cloud, self.cloud.layers[number], self.colors, self.view);
      context.putImageData(image, 0, 0);
    });
  };
  Viewer.prototype.turn = function (azimuth, elevation) {
    this.view.azimuth = (this.view.azimuth + azimuth + 360) % 360;
    this.view.elevation = Math.max(-90, Math.min(90, this.view.elevation + elevation));
    this.render();
  };
  Viewer.prototype.zoom = function (factor) {
    this.view.zoom = Math.max(0.5, Math.min(4, this.view.zoom * factor));
    this.render();
  };
  // The arrow says where the front of the shape goes.
  Viewer.prototype.key = function (key) {
    const turns = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (turns[key]) { this.turn(turns[key][0], turns[key][1]); this.turning = false; }
    else if (key === "+" || key === "=") { this.zoom(1.2); }
    else if (key === "-") { this.zoom(1 / 1.2); }
    else if (key === "Home") { this.view = Object.assign({}, START); this.turning = false; this.render(); }
    else if (key === " ") { this.turning = !this.turning; }
    else { return ""; }
    const seen = Math.round(this.view.azimuth) + " degrees around, " + Math.round(this.view.elevation) + " degrees up";
    return (this.turning ? "turning, " : "seen from ") + seen;
  };

  function listen(viewer, say) {
    const element = viewer.element;
    let last = null;
    element.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.altKey || event.metaKey) { return; }
      const words = viewer.key(event.key);
      if (words) { event.preventDefault(); say(words); }
    });
    element.addEventListener("pointerdown", function (event) {
      last = [event.clientX, event.clientY];
      viewer.turning = false;
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", function (event) {
      if (!last) { return; }
      viewer.turn((last[0] - event.clientX) / 2, (event.clientY - last[1]) / 2);
      last = [event.clientX, event.clientY];
    });
    ["pointerup", "pointercancel"].forEach(function (name) {
      element.addEventListener(name, function () { last = null; });
    });
  }

  // Turns what turns and is in sight, 25 times a second at most.
  function animate(viewers) {
    let before = 0;
    function frame(now) {
      if (now - before >= 40) {
        const passed = Math.min(0.1, (now - before) / 1000);
        viewers.forEach(function (viewer) {
          if (viewer.turning && viewer.visible) { viewer.turn(SPEED * passed, 0); }
        });
        before = now;
      }
      window.requestAnimationFrame(frame);
    }
    window.requestAnimationFrame(frame);
  }

  function start() {
    const data = JSON.parse(document.getElementById("data").textContent);
    const said = document.getElementById("said"), button = document.getElementById("turn");
    const elements = Array.from(document.querySelectorAll(".viewer"));
    const viewers = elements.map(function (element) {
      return new Viewer(element, data.clouds[Number(element.dataset.cloud)], data.colors);
    });
    viewers.forEach(function (viewer) { listen(viewer, function (words) { said.textContent = words; }); });
    if (window.IntersectionObserver) {
      const observer = new IntersectionObserver(function (entries) {
        entries.forEach(function (entry) { viewers[elements.indexOf(entry.target)].visible = entry.isIntersecting; });
      });
      elements.forEach(function (element) { observer.observe(element); });
    }
    function turnAll(on) {
      viewers.forEach(function (viewer) { viewer.turning = on; });
      button.setAttribute("aria-pressed", String(on));
    }
    button.addEventListener("click", function () { turnAll(button.getAttribute("aria-pressed") !== "true"); });
    turnAll(!window.matchMedia("(prefers-reduced-motion: reduce)").matches);
    window.addEventListener("beforeprint", function () {
      document.querySelectorAll("details").forEach(function (element) { element.open = true; });
    });
    animate(viewers);
  }

  if (typeof document === "undefined") {
    module.exports = { axes: axes, project: project, draw: draw, decoded: decoded };
  } else {
    start();
  }
}());
