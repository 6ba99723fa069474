"""A fleet in one process and no real time: the model's cores between a simulated database, broker and clock.

One seed decides everything: who is slow, paused or killed and when, which messages are lost, doubled or out of order.
The same seed is the same run. `python -m simulation` runs many of them and checks what a fleet promises.
"""
