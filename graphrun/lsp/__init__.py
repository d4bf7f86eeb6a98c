"""The language server: what an editor shows while a spec is written. `analysis` knows specs, `server` speaks the protocol."""
