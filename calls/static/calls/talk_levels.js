"use strict";
// How loud two streams are, as bars.
window.talkLevels = () => {
  const context = new AudioContext();
  const meters = [];
  let frame = 0;
  const look = () => {
    for (const meter of meters) {
      meter.analyser.getFloatTimeDomainData(meter.samples);
      const power = meter.samples.reduce((sum, sample) => sum + sample * sample, 0) / meter.samples.length;
      // From -60 to 0 dB.
      const level = Math.max(0, 1 + Math.log10(Math.max(power, 1e-6)) / 6);
      meter.shown = Math.max(level, meter.shown * 0.9);
      meter.most = Math.max(meter.most, level);
      meter.bar.style.transform = `scaleX(${meter.shown.toFixed(3)})`;
    }
    frame = requestAnimationFrame(look);
  };
  frame = requestAnimationFrame(look);
  return {
    show(stream, bar) {
      const analyser = context.createAnalyser();
      analyser.fftSize = 1024;
      context.createMediaStreamSource(stream).connect(analyser);
      const meter = { analyser, bar, samples: new Float32Array(1024), shown: 0, most: 0 };
      meters.push(meter);
      return meter;
    },
    close() {
      cancelAnimationFrame(frame);
      for (const meter of meters) meter.bar.style.transform = "";
      context.close();
    },
  };
};
