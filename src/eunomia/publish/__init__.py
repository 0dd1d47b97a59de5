"""What makes things for others: exported forms, standalone programs, images, hubs, signatures."""
