/** Makes data of a value, and a value of that data again. Node's `v8` module is one for bytes, as it is. */
export interface Serializer<D> {
  serialize(value: unknown): D;
  deserialize(data: D): unknown;
}

/** JSON: what it has no word for is lost, as a `Map`, or changed, as a `Date`. */
export const jsonSerializer: Serializer<string> = {
  serialize: (value) => JSON.stringify(value),
  deserialize: (data) => JSON.parse(data),
};
