"""Who trains when: schedulers as pure state machines, and the plain data they hear and say."""
