"""Tasks of the track `text`: their specs, which import nothing heavy. What they are made of is `esbench.text`."""
