/**
 * measure runs in a page and returns what is wrong with it: text or focus that is hard to see, what is wider than the screen, a field without
 * a label, a control too small for a finger (WCAG 2.2: 1.4.3, 1.4.10, 1.4.11, 2.5.8, 3.1.1, 3.3.2).
 */
export const measure = () => {
  const faults = [];
  const say = (what, e) => faults.push(`${what}: ${e.outerHTML.slice(0, 120)}`);

  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const luminance = ({ r, g, b }) => {
    const [R, G, B] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
    return (x + 0.05) / (y + 0.05);
  };
  /** ground is the first colour behind an element that is opaque. */
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c.a === 1) return c;
    }
    return { r: 255, g: 255, b: 255 };
  };

  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    const style = getComputedStyle(e);
    if (box.width === 0 || style.visibility === 'hidden') continue;
    if (box.right > innerWidth + 0.5 || box.left < -0.5) say(`reaches from ${box.left} to ${box.right} of ${innerWidth}`, e);
    if ([...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) {
      const c = contrast(rgba(style.color), ground(e));
      if (c < 4.5) say(`text of contrast ${c.toFixed(2)}`, e);
      if (parseFloat(style.fontSize) < 14) say(`text of ${style.fontSize}`, e);
    }
    if (e.matches('input, button, .button')) {
      if (box.height < (e.type === 'checkbox' ? 20 : 36)) say(`control ${box.height} high`, e);
      if (e.type !== 'checkbox' && contrast(rgba(style.borderTopColor), ground(e.parentElement)) < 3) say('border that cannot be seen', e);
    }
    if (e.matches('input:not([type=hidden])') && !e.labels.length) say('field without a label', e);
    if (e.matches('[aria-describedby]')) {
      for (const id of e.getAttribute('aria-describedby').split(' ')) if (!document.getElementById(id)) say(`describedby ${id} is nowhere`, e);
    }
    if (e.matches('a[href^="#"]') && !document.getElementById(e.hash.slice(1))) say('leads nowhere', e);
  }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size !== ids.length) faults.push(`ids twice: ${ids}`);
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
  if (!document.documentElement.lang) faults.push('no language');
  if (document.documentElement.scrollWidth > innerWidth) faults.push(`${document.documentElement.scrollWidth} wide on a screen of ${innerWidth}`);
  return faults;
};
