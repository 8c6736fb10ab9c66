"""Language models behind one port: what they are asked, how long for, and what of their answers may count."""
