"""What the joint auto band saves: rules of rehedging compared at equal tracking error, on real and made-up prices."""
