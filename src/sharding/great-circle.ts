/** A location in degrees. */
export interface Coordinates {
  /** The latitude, from -90 at the south pole to 90 at the north pole. */
  readonly latitude: number;
  /** The longitude, from -180 to 180; both limits are the antimeridian. */
  readonly longitude: number;
}

/** π / 180. */
const RADIANS = 0.017453292519943295;

/**
 * Returns a number that grows with the distance of two places: 0 for the same place, 1 for antipodes. It is the
 * haversine of the angle between them (Sinnott, "Virtues of the Haversine", 1984), which is precise for places that are
 * close together. The arcsine is omitted, because it does not change the order of distances.
 *
 * If two distances are equal by symmetry, the results are equal to the last bit.
 */
export function haversine(a: Coordinates, b: Coordinates): number {
  const north = halfSine(a.latitude - b.latitude);
  const east = halfSine(shortWay(Math.abs(a.longitude - b.longitude)));
  return Math.min(1, north * north + cosine(a.latitude) * cosine(b.latitude) * east * east);
}

const halfSine = (degrees: number): number => Math.sin((degrees * RADIANS) / 2);

/** Returns the difference in longitude across the antimeridian, if that is shorter. */
const shortWay = (degrees: number): number => (degrees > 180 ? 360 - degrees : degrees);

/** Returns the cosine, and 0 instead of 6e-17 at the poles, where every longitude is the same place. */
const cosine = (latitude: number): number => (Math.abs(latitude) === 90 ? 0 : Math.cos(latitude * RADIANS));
