/**
 * The Deno runtime (`denort`) out of a program that `deno compile` made, and the same without its
 * symbol table. Pure: bytes in, bytes out. x86-64 ELF only.
 *
 * Since Deno 2.9 the payload of a compiled program is an ELF note behind the unchanged image, and
 * the ELF header points to new program and section headers. The image's own section headers still
 * stand at its end, so the runtime is the file up to there with the header put back.
 *
 * @module
 */

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SECTION_TYPE_SYMTAB = 2;
const SECTION_TYPE_STRTAB = 3;
/** What the payload adds to the image's own program and section headers. */
const ADDED_HEADERS = 2;

interface ElfHeader {
  readonly programOffset: number;
  readonly sectionOffset: number;
  readonly programCount: number;
  readonly sectionCount: number;
  readonly sectionNamesIndex: number;
}

/**
 * The denort inside a compiled program.
 *
 * The result has to be compared with a known SHA-256: nothing else proves it.
 */
export function recoverDenort(program: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const header = readHeader(program);
  const table = program.subarray(
    header.sectionOffset,
    header.sectionOffset + SECTION_BYTES * header.sectionNamesIndex,
  );
  const sectionOffset = indexOf(program, table);
  if (sectionOffset <= HEADER_BYTES || sectionOffset >= header.programOffset) {
    throw new Error("not a program that deno compile 2.9 made");
  }
  const sectionCount = header.sectionCount - ADDED_HEADERS;
  const end = sectionOffset + SECTION_BYTES * sectionCount;
  const denort = program.slice(0, end);
  writeHeader(denort, {
    programOffset: HEADER_BYTES,
    sectionOffset,
    programCount: header.programCount - ADDED_HEADERS,
    sectionCount,
    sectionNamesIndex: sectionCount - 1,
  });
  return denort;
}

/**
 * The image without `.symtab` and `.strtab` (23 of 107 MB), which stand behind everything that is
 * loaded. `strip -s` does the same; this needs no binutils and gives the same bytes everywhere.
 * It must happen before compiling: the payload of a compiled program would be lost.
 */
export function stripSymbols(image: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const header = readHeader(image);
  const view = new DataView(image.buffer, image.byteOffset);
  const sections = Array.from({ length: header.sectionCount }, (_, index) => {
    const at = header.sectionOffset + SECTION_BYTES * index;
    return {
      bytes: image.slice(at, at + SECTION_BYTES),
      type: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
    };
  });
  const names = sections.at(header.sectionNamesIndex);
  const [symbols, strings] = sections.slice(-3);
  if (
    names === undefined || names !== sections.at(-1) ||
    symbols?.type !== SECTION_TYPE_SYMTAB || strings?.type !== SECTION_TYPE_STRTAB ||
    sections.slice(0, -3).some(({ offset }) => offset > symbols.offset)
  ) {
    throw new Error("the symbol table does not stand at the end of the image");
  }
  const namesOffset = symbols.offset;
  const sectionOffset = Math.ceil((namesOffset + names.size) / 8) * 8;
  const kept = [...sections.slice(0, -3), names];
  const stripped = new Uint8Array(sectionOffset + SECTION_BYTES * kept.length);
  stripped.set(image.subarray(0, namesOffset));
  stripped.set(image.subarray(names.offset, names.offset + names.size), namesOffset);
  for (const [index, { bytes }] of kept.entries()) {
    stripped.set(bytes, sectionOffset + SECTION_BYTES * index);
  }
  new DataView(stripped.buffer).setBigUint64(
    sectionOffset + SECTION_BYTES * (kept.length - 1) + 24,
    BigInt(namesOffset),
    true,
  );
  writeHeader(stripped, {
    ...header,
    sectionOffset,
    sectionCount: kept.length,
    sectionNamesIndex: kept.length - 1,
  });
  return stripped;
}

function readHeader(image: Uint8Array): ElfHeader {
  const magic = [...image.subarray(0, 6)].map((byte) => byte.toString(16)).join(" ");
  if (magic !== "7f 45 4c 46 2 1") throw new Error("not a 64-bit ELF file");
  const view = new DataView(image.buffer, image.byteOffset);
  return {
    programOffset: Number(view.getBigUint64(0x20, true)),
    sectionOffset: Number(view.getBigUint64(0x28, true)),
    programCount: view.getUint16(0x38, true),
    sectionCount: view.getUint16(0x3c, true),
    sectionNamesIndex: view.getUint16(0x3e, true),
  };
}

function writeHeader(image: Uint8Array, header: ElfHeader): void {
  const view = new DataView(image.buffer, image.byteOffset);
  view.setBigUint64(0x20, BigInt(header.programOffset), true);
  view.setBigUint64(0x28, BigInt(header.sectionOffset), true);
  view.setUint16(0x38, header.programCount, true);
  view.setUint16(0x3c, header.sectionCount, true);
  view.setUint16(0x3e, header.sectionNamesIndex, true);
}

/** Where `needle` first stands; section headers are aligned to 8 bytes. */
function indexOf(bytes: Uint8Array, needle: Uint8Array): number {
  for (let at = 0; at + needle.length <= bytes.length; at += 8) {
    let same = 0;
    while (same < needle.length && bytes[at + same] === needle[same]) same++;
    if (same === needle.length) return at;
  }
  return -1;
}
