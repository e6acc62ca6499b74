mod decisions {}
