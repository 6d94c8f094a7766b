/** Where something is, in degrees. */
export interface Coordinates {
  /** From -90 at the south pole to 90 at the north pole. */
  readonly latitude: number;
  /** From -180 to 180; both are the antimeridian. */
  readonly longitude: number;
}

const RADIANS = 0.017453292519943295;

/**
 * How far two places are apart on the globe, as a number that grows with the distance: 0 for one place, 1 for antipodes.
 * It is the haversine of the angle between them (Sinnott, "Virtues of the Haversine", 1984), which keeps its digits for
 * places that are close together. Its arcsine is not needed to tell which of two places is nearer.
 *
 * Where two distances are equal by symmetry, so are the numbers, to the last bit.
 */
export function haversine(a: Coordinates, b: Coordinates): number {
  const north = halfSine(a.latitude - b.latitude);
  const east = halfSine(shortWay(Math.abs(a.longitude - b.longitude)));
  return Math.min(1, north * north + cosine(a.latitude) * cosine(b.latitude) * east * east);
}

const halfSine = (degrees: number): number => Math.sin((degrees * RADIANS) / 2);

/** Across the antimeridian, where that is shorter. */
const shortWay = (degrees: number): number => (degrees > 180 ? 360 - degrees : degrees);

/** At the poles it is 0, not 6e-17: every longitude is the same place there. */
const cosine = (latitude: number): number => (Math.abs(latitude) === 90 ? 0 : Math.cos(latitude * RADIANS));
