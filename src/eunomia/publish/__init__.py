"""What makes things for others: pushing, signing, hubs. It is in the wheel of eunomia-compiler."""
