/** The console's program. @module */
import { render } from "preact";

const root = document.getElementById("app");
if (root !== null) render(<main>fabric</main>, root);
