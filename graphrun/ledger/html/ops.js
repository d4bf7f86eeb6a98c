// The operations on single numbers, as graphrun's kernels compute them. Each takes its operands in order, then its attributes.
// Derivatives are not here: the backward pass comes as part of the program, made of these same operations.

const ops = (() => {
  const { abs, exp, expm1, log, log1p, sqrt, tanh, max, min, sign } = Math;
  const same = (x) => x;
  const sigmoid = (x) => (x > -700 ? 1 / (1 + exp(-x)) : exp(x));
  const softplus = (x, beta, threshold) => (x * beta > threshold ? x : log1p(exp(x * beta)) / beta);
  const capped = (x, low, high) => (Number.isNaN(x) ? x : min(max(x, low), high));
  const bend = (x, scale, width) => (x > 0 ? x : scale * expm1(min(x, 0) / width));
  const larger = (a, b) => (a >= b || Number.isNaN(a) ? a : b);
  const smaller = (a, b) => (a <= b || Number.isNaN(a) ? a : b);

  function remainder(a, b) {
    if (b === 0 || !Number.isFinite(a)) return NaN;
    if (!Number.isFinite(b)) return Number.isNaN(b) || a === 0 || sign(a) === sign(b) ? (Number.isNaN(b) ? b : a) : b;
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
  }

  function round(x) {
    // halves to the even number
    const below = Math.floor(x);
    const rest = x - below;
    if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
    return below % 2 === 0 ? below : below + 1;
  }

  // erf by W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969).
  const A = [3.1611237438705656, 113.864154151050156, 377.485237685302021, 3209.37758913846947, 0.185777706184603153];
  const B = [23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062];
  const C = [
    0.564188496988670089, 8.88314979438837594, 66.1191906371416295, 298.635138197400131, 881.95222124176909, 1712.04761263407058,
    2051.07837782607147, 1230.33935479799725, 2.15311535474403846e-8,
  ];
  const D = [
    15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019, 3290.79923573345963, 4362.61909014324716,
    3439.36767414372164, 1230.33935480374942,
  ];
  const P = [
    0.305326634961232344, 0.360344899949804439, 0.125781726111229246, 0.0160837851487422766, 6.58749161529837803e-4, 0.0163153871373020978,
  ];
  const Q = [2.56852019228982242, 1.87295284992346047, 0.527905102951428412, 0.0605183413124413191, 0.00233520497626869185];

  function erfcAbove(y) {
    // erfc(y) for y > 0.46875
    let top, bottom, value;
    if (y <= 4) {
      top = C[8] * y;
      bottom = y;
      for (let k = 0; k < 7; k++) {
        top = (top + C[k]) * y;
        bottom = (bottom + D[k]) * y;
      }
      value = (top + C[7]) / (bottom + D[7]);
    } else {
      const square = 1 / (y * y);
      top = P[5] * square;
      bottom = square;
      for (let k = 0; k < 4; k++) {
        top = (top + P[k]) * square;
        bottom = (bottom + Q[k]) * square;
      }
      value = (0.56418958354775628695 - (square * (top + P[4])) / (bottom + Q[4])) / y;
    }
    const near = Math.trunc(y * 16) / 16;
    return exp(-near * near) * exp(-(y - near) * (y + near)) * value;
  }

  function erf(x) {
    const y = abs(x);
    if (Number.isNaN(x)) return x;
    if (y > 0.46875) return sign(x) * (y > 6 ? 1 : 1 - erfcAbove(y));
    const square = y * y;
    let top = A[4] * square;
    let bottom = square;
    for (let k = 0; k < 3; k++) {
      top = (top + A[k]) * square;
      bottom = (bottom + B[k]) * square;
    }
    return (x * (top + A[3])) / (bottom + B[3]);
  }

  function erfinv(p) {
    // a first guess by Winitzki (2008), then Newton's method with Halley's correction
    if (!(abs(p) < 1)) return abs(p) === 1 ? p * Infinity : NaN;
    if (p === 0) return p;
    const w = -log((1 - p) * (1 + p));
    const part = 2 / (Math.PI * 0.147) - w / 2;
    let x = sign(p) * sqrt(sqrt(part * part + w / 0.147) - part);
    for (let k = 0; k < 4; k++) {
      const off = abs(x) < 0.5 ? erf(x) - p : sign(x) * (1 - abs(p) - erfcAbove(abs(x)));
      const step = off / ((2 / sqrt(Math.PI)) * exp(-x * x));
      x -= step / (1 + x * step);
    }
    return x;
  }

  function gelu(x, a) {
    if (a.approximate === "tanh") return 0.5 * x * (1 + tanh(sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1 + erf(x * sqrt(0.5)));
  }

  function logaddexp(a, b) {
    if (a === b) return a + Math.LN2;
    return a > b ? a + log1p(exp(b - a)) : a <= b ? b + log1p(exp(a - b)) : NaN;
  }

  function cast(x, a) {
    if (a.dtype === "int64") return Math.trunc(x);
    return a.dtype === "bool" ? Number(x !== 0) : a.dtype === "float32" ? Math.fround(x) : x;
  }

  const SELU = [1.0507009873554805, 1.6732632423543772];
  return {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    neg: (x) => -x,
    power: (a, b) => (a === 1 || (a === -1 && abs(b) === Infinity) ? 1 : b === 2 ? a * a : a ** b),
    log,
    log2: Math.log2,
    log10: Math.log10,
    log1p,
    exp,
    exp2: (x) => 2 ** x,
    expm1,
    sqrt,
    rsqrt: (x) => 1 / sqrt(x),
    square: (x) => x * x,
    reciprocal: (x) => 1 / x,
    less: (a, b) => Number(a < b),
    less_equal: (a, b) => Number(a <= b),
    greater: (a, b) => Number(a > b),
    greater_equal: (a, b) => Number(a >= b),
    equal: (a, b) => Number(a === b),
    not_equal: (a, b) => Number(a !== b),
    logical_and: (a, b) => Number(a !== 0 && b !== 0),
    logical_or: (a, b) => Number(a !== 0 || b !== 0),
    logical_not: (x) => Number(x === 0),
    isnan: (x) => Number(Number.isNaN(x)),
    isfinite: (x) => Number(Number.isFinite(x)),
    where: (c, a, b) => (c !== 0 ? a : b),
    sin: Math.sin,
    cos: Math.cos,
    tan: Math.tan,
    asin: Math.asin,
    acos: Math.acos,
    atan: Math.atan,
    atan2: Math.atan2,
    sinh: Math.sinh,
    cosh: Math.cosh,
    tanh,
    asinh: Math.asinh,
    acosh: Math.acosh,
    atanh: Math.atanh,
    sign,
    abs,
    floor: Math.floor,
    ceil: Math.ceil,
    round,
    mod: remainder,
    maximum: larger,
    minimum: smaller,
    clip: (x, a) => smaller(larger(x, a.min ?? -Infinity), a.max ?? Infinity),
    logaddexp,
    identity: same,
    stop_gradient: same,
    dropout: same,
    cast,
    sigmoid,
    log_sigmoid: (x) => min(x, 0) - log1p(exp(-abs(x))),
    softplus: (x, a) => softplus(x, a.beta, a.threshold),
    silu: (x) => (x > -700 ? x / (1 + exp(-x)) : x * exp(x)),
    mish: (x) => x * tanh(softplus(x, 1, 20)),
    relu: (x) => (x <= 0 ? 0 : x),
    relu6: (x) => capped(x, 0, 6),
    hard_tanh: (x, a) => capped(x, a.min_val, a.max_val),
    hard_sigmoid: (x) => capped(x + 3, 0, 6) / 6,
    hard_swish: (x) => (x * capped(x + 3, 0, 6)) / 6,
    leaky_relu: (x, a) => (x > 0 ? x : x * a.negative_slope),
    prelu: (x, w) => (x > 0 ? x : w * x),
    elu: (x, a) => bend(x, a.alpha, 1),
    selu: (x) => SELU[0] * bend(x, SELU[1], 1),
    celu: (x, a) => bend(x, a.alpha, a.alpha),
    softsign: (x) => x / (1 + abs(x)),
    erf,
    erfinv,
    gelu,
    sum: same,
    mean: same,
    prod: same,
    max: same,
    min: same,
    logsumexp: same,
    norm: abs,
    any: (x) => Number(x !== 0),
    all: (x) => Number(x !== 0),
    argmax: () => 0,
    argmin: () => 0,
    var: (x, a) => (x - x) / max(1 - a.correction, 0),
    std: (x, a) => sqrt((x - x) / max(1 - a.correction, 0)),
    expand_dims: same,
    reshape: same,
    squeeze: same,
    transpose: same,
    broadcast_to: same,
    sum_to: same,
  };
})();
