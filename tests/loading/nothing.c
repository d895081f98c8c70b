/* A library without functions of a module. It depends on one that has them. */

int dependency(void);

int nothing(void) { return dependency(); }
