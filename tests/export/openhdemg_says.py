"""What openhdemg makes of a file, as JSON on standard output. Run by an interpreter that has it: nothing of muspipe is
imported here.

python openhdemg_says.py FILE
"""

import contextlib
import json
import os
import sys

TABLES = "RAW_SIGNAL", "REF_SIGNAL", "IPTS", "BINARY_MUS_FIRING"
os.environ["MPLBACKEND"] = "Agg"  # no window


def main(path):
    with contextlib.redirect_stdout(sys.stderr):
        import matplotlib.pyplot as plt
        import openhdemg.library as emg

        loaded = emg.emg_from_json(path)
        ordered = emg.sort_mus(loaded)
        end = loaded["EMG_LENGTH"]
        steady = {"start_steady": 0, "end_steady": end}
        basic = emg.basic_mus_properties(emgfile=emg.emg_from_json(path), mvc=1.0, **steady)
        variability = emg.compute_drvariability(loaded, **steady)
        half, _, _ = emg.resize_emgfile(loaded, area=[0, end // 2], accuracy="maintain")
        emg.save_json_emgfile(loaded, path + ".again.json")
        again = emg.emg_from_json(path + ".again.json")
    said = {
        "fsamp": loaded["FSAMP"],
        "length": loaded["EMG_LENGTH"],
        "shapes": {name: list(loaded[name].shape) for name in TABLES},
        "pulses": [pulses.tolist() for pulses in loaded["MUPULSES"]],
        "pulses_again": [pulses.tolist() for pulses in again["MUPULSES"]],
        "binary_sums": loaded["BINARY_MUS_FIRING"].sum().tolist(),
        "first_pulses_sorted": [int(pulses[0]) for pulses in ordered["MUPULSES"] if len(pulses)],
        "accuracy_sorted": ordered["ACCURACY"][0].tolist(),
        "n_half": [len(pulses) for pulses in half["MUPULSES"]],
        "extras": loaded["EXTRAS"].to_dict("list"),
        "figures": len(plt.get_fignums()),
    }
    for table in (basic, variability):
        said |= {name: table[name].tolist() for name in table.columns}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
