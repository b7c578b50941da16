"""Pages of studies: one HTML file each, with its styles, scripts and plots inside; nothing is fetched."""
