/** Where a server of the Model Context Protocol is: at an address (streamable HTTP), or a command that is started (stdio). */
export type McpServer =
  | { name: string; url: string; headers?: Record<string, string> | undefined }
  | {
      name: string;
      command: string;
      args?: string[] | undefined;
      /** Default: a few harmless variables of this process. */
      env?: Record<string, string> | undefined;
      cwd?: string | undefined;
    };
