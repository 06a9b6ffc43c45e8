/** A hundred labels of everyday things, for benchmarks. */
export const LABELS = (
  'dog,cat,car,tree,house,bird,fish,boat,plane,train,flower,horse,bicycle,bridge,mountain,river,beach,forest,street,person,child,book,chair,table,lamp,phone,' +
  'computer,keyboard,mouse,screen,cup,coffee,tea,bread,apple,banana,orange,pizza,cake,cheese,guitar,piano,drum,violin,ball,kite,shoe,hat,shirt,coat,clock,watch,door,window,' +
  'wall,roof,fence,garden,park,lake,ocean,island,desert,snow,rain,cloud,sun,moon,star,fire,lion,tiger,bear,wolf,fox,deer,rabbit,sheep,cow,pig,chicken,duck,goose,owl,eagle,' +
  'rocket,astronaut,city,village,castle,church,school,hospital,market,truck,bus,tractor,ladder,hammer,statue'
)
  .split(',')
  .slice(0, 100);
