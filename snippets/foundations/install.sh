# The shell lines of the chapter foundations/install.

# %% venv
python3 -m venv learn
. learn/bin/activate
python -c "import sys; print(sys.prefix)"

# %% plain tags=["network"]
python -m pip install torch torchvision

# %% rest tags=["network"]
python -m pip install numpy matplotlib scikit-learn tqdm jupyterlab

# %% again tags=["network"]
python -m pip uninstall --yes torch torchvision
python -m pip install torch torchvision
