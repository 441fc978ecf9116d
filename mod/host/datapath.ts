/**
 * What the kinds of datapath that OVS has ask of the host.
 *
 * @module
 */

/** See {@linkcode datapathNeeds}. */
export interface DatapathNeeds {
  /**
   * The pod may leave checksums to the hardware. A datapath in user space reads frames as they are
   * on the wire, without them: ping works, TCP hangs.
   */
  readonly txOffload: boolean;
  /** The host's own stack must be kept from the pods' frames, see `addLeakFilter()`. */
  readonly leakFilter: boolean;
}

export interface DatapathOptions {
  /** OVS runs with `other_config:userspace-tso-enable=true`, and then wants the offload. */
  readonly userspaceTso?: boolean;
}

/**
 * The needs of a bridge by its `datapath_type`: `system` or empty is the kernel's datapath, which
 * takes frames out of the host's stack and knows about offloads; any other runs in user space.
 */
export function datapathNeeds(datapathType: string, options: DatapathOptions = {}): DatapathNeeds {
  const inKernel = datapathType === "system" || datapathType === "";
  return {
    txOffload: inKernel || options.userspaceTso === true,
    leakFilter: !inKernel,
  };
}
