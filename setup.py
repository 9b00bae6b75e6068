"""Packaging of muspipe; the only list of its dependencies."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "muspipe/__init__.py").read_text(), re.MULTILINE)[1]

setup(
    name="muspipe",
    version=VERSION,
    description="Identification of motor units in ultrafast ultrasound of contracting muscle",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    author="The muspipe developers",
    packages=find_packages(include=["simulator", "simulator.*", "muspipe", "muspipe.*", "mrcnn", "mrcnn.*"]),
    package_data={"": ["*.json", "*.npy", "*.npz", "*.h5", "*.html", "*.md", "files/*"]},
    python_requires=">=3.11",
    install_requires=[
        "tensorflow>=2.18",  # the first that takes NumPy 2
        "keras>=3.6",
        "numpy>=2.0",
        "scipy>=1.13",
        "scikit-image>=0.24",
        "h5py>=3.11",
        "matplotlib>=3.9",
        "tqdm>=4.66",
        "jinja2>=3.1",  # the page of a report: texts from files are escaped by it, not by hand
        "bokeh>=3.6",  # its plots: a quarter of Plotly's size in every page, see muspipe/report/plots.py
        "threadpoolctl>=3.5",  # the number of BLAS threads, set where it matters
    ],
    extras_require={
        "cuda": ["tensorflow[and-cuda]>=2.18"],
        "jax": ["jax"],
        "nwb": ["pynwb>=4"],
        # work on many machines, see simulator/shared/clusters.py
        "cluster": ["distributed>=2024.8", "dask-jobqueue>=0.9"],
        "browser": ["selenium>=4.20"],  # tests/report/test_browser.py: the report in Chromium, see make test-browser
        # setuptools and wheel: tests/test_packaging.py builds without fetching anything; pymust: its estimator of
        # velocity is compared with ours in tests/echoes; hypothesis: odd values and damaged files by the hundred
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.6",
            "ruff>=0.8",
            "setuptools>=70",
            "wheel",
            "pymust>=0.1.9",
            "pynwb>=4",
            "distributed>=2024.8",
            "dask-jobqueue>=0.9",
            "hypothesis>=6.100",
        ],
    },
    entry_points={
        "console_scripts": [
            "muspipe = muspipe.cli:main",
            "muspipe-train = muspipe.cli:main_train",
        ]
    },
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
    ],
)
