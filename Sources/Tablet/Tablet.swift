// Tablet
