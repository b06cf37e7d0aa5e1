/** Those states of net/tcp_states.h in which a socket stays as long as nobody touches it, and the one in which the kernel destroys it. */
export const ESTABLISHED = 1;
export const FIN_WAIT2 = 5;
export const CLOSE = 7;
export const CLOSE_WAIT = 8;
export const LISTEN = 10;
