"""The arithmetic of a training step: forward pass, fused kernels, optimizer, schedule, weight average."""
