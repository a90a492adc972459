"""Discovery from the Kubernetes API: nodes, services, pods, endpoints, endpointslices and ingresses.

In: a kubernetes_sd_configs section. Out: one target group an object, whenever it or an object it refers to changes.
First file to open: provider.py; reflector.py keeps one kind of object up to date, and each role has a file that makes
an object into its group.
"""
