"""A training under other conditions than its own, to tell what its model depends on. Of a diagnosis alone.

What a training can ask of the machine (the time, chance, its own process, the cores) is answered from here: watched,
held to one answer, or set to another. A run or a rebuild that is recorded never comes through here.
"""
