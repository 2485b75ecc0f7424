"""Connect clusters, asked by REST: GET only; settings are masked and traces cut before anything is kept."""
