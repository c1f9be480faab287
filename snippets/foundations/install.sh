# The shell lines of the chapter foundations/install.

# %% venv tags=["network"]
python3 -m venv learn
. learn/bin/activate
python -c "import sys; print(sys.prefix)"

# %% cpu tags=["network"]
python -m pip install torch torchvision --index-url "$INDEX/cpu"

# %% mac tags=["network"]
python -m pip install torch torchvision

# %% cuda tags=["network"]
python -m pip install torch torchvision --index-url "$INDEX/cu132"

# %% rest tags=["network"]
python -m pip install numpy matplotlib scikit-learn tqdm jupyterlab

# %% again tags=["network"]
python -m pip uninstall --yes torch torchvision
python -m pip install torch torchvision --index-url "$INDEX/cpu"
