/**
 * Logarithm and exponential function with the same bits on every engine. `Math.log` and `Math.exp` may differ in the
 * last bit between engines, and one bit changes the order of two events; +, −, ×, ÷ and `Math.sqrt` are exact by the
 * standard. The polynomials are those of FreeBSD's fdlibm (`e_log.c`, `e_exp.c`); the error is below 1 unit in the last
 * place.
 */

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

const LOG_TERMS = [
  0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
  0.15313837699209373, 0.14798198605116586,
] as const;

const EXP_TERMS = [
  0.16666666666666602, -0.0027777777777015593, 6.613756321437934e-5, -1.6533902205465252e-6, 4.1381367970572385e-8,
] as const;

/** The value of the polynomial at `x`: terms[0] + terms[1] x + terms[2] x² … (Horner). */
function polynomial(x: number, terms: readonly number[]): number {
  let sum = 0;
  for (let index = terms.length - 1; index >= 0; index--) sum = sum * x + (terms[index] as number);
  return sum;
}

/** Returns the natural logarithm of a number above 0 that is at least 2^-1022. */
export function ln(x: number): number {
  let [exponent, mantissa] = [0, x];
  // Powers of two are exact. A draw has at most 53 bits, so that there are few steps.
  while (mantissa >= 2 ** 16) [mantissa, exponent] = [mantissa / 2 ** 16, exponent + 16];
  while (mantissa >= Math.SQRT2) [mantissa, exponent] = [mantissa / 2, exponent + 1];
  while (mantissa < 2 ** -16) [mantissa, exponent] = [mantissa * 2 ** 16, exponent - 16];
  while (mantissa < Math.SQRT1_2) [mantissa, exponent] = [mantissa * 2, exponent - 1];
  const f = mantissa - 1;
  const s = f / (2 + f);
  const z = s * s;
  const halfSquare = 0.5 * f * f;
  const rest = z * polynomial(z, LOG_TERMS);
  return exponent * LN2_HIGH - (halfSquare - (s * (halfSquare + rest) + exponent * LN2_LOW) - f);
}

/** Returns e to the power of x, for |x| ≤ 700. */
export function exp(x: number): number {
  const exponent = Math.round(x / (LN2_HIGH + LN2_LOW));
  const high = x - exponent * LN2_HIGH;
  const low = exponent * LN2_LOW;
  const r = high - low;
  const z = r * r;
  const c = r - z * polynomial(z, EXP_TERMS);
  const y = 1 - (low - (r * c) / (2 - c) - high);
  return y * powerOfTwo(exponent);
}

/** Returns 2 to the power of an integer, by squaring: `**` may differ between engines. */
function powerOfTwo(exponent: number): number {
  let [result, square, left] = [1, exponent < 0 ? 0.5 : 2, Math.abs(exponent)];
  for (; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

/** Rational approximations of the quantile function of the normal distribution (Wichura, AS 241, 1988). */
const CENTRE = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
    33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
] as const;
const TAIL = [
  [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
] as const;
const FAR_TAIL = [
  [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5,
    1.421511758316446e-7, 2.0442631033899397e-15,
  ],
] as const;

const ratio = (x: number, [above, below]: readonly [readonly number[], readonly number[]]): number =>
  polynomial(x, above) / polynomial(x, below);

/** Returns the quantile of the standard normal distribution for a probability in (0, 1). */
export function normalQuantile(probability: number): number {
  const q = probability - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(0.180625 - q * q, CENTRE);
  const r = Math.sqrt(-ln(q < 0 ? probability : 1 - probability));
  const distance = r <= 5 ? ratio(r - 1.6, TAIL) : ratio(r - 5, FAR_TAIL);
  return q < 0 ? -distance : distance;
}
