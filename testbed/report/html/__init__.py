"""Reports as one HTML file each: nothing is fetched, and all of it can be read without scripts."""
