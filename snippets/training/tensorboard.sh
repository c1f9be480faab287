# The shell lines of the chapter training/tensorboard.

# %% serve tags=["screen"]
tensorboard --logdir runs
