/* Whether a clsact qdisc is still in use. */
#ifndef EUNOMIA_TC_FILTERS_H
#define EUNOMIA_TC_FILTERS_H
/* 1 when an interface has filters on its clsact qdisc in either direction, or it cannot be told; 0 when it has none. */
int eu_tc_has_filters(int ifindex);
/* Whether it has a clsact or ingress qdisc; 1 where that cannot be told. */
int eu_tc_has_qdisc(int ifindex);
#endif
