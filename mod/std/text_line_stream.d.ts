/** Cuts text into lines, without their ends. */
export class TextLineStream extends TransformStream<string, string> {}
