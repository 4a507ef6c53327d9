// DocStore
