export function ulid(seedTime?: number): string;
export function decodeTime(ulid: string): number;
